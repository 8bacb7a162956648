"""The emotions, each with all that has to be known of it: whoever adds one adds it here, and every room has it.

An entry needs a name, the words that mean it in annotation files, its place in valence and arousal, and two colours. What helps to hear it
in English words may be left out: then networks learn it from embeddings alone. The standard library is enough to read this.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Emotion:
    """One emotion.

    `forms` are its English word forms, as annotation files have them; synonyms (rage, glee) are another judgement and not among them.
    `valence` and `arousal`, -1..1, are the means that people gave its word (Russell and Mehrabian 1977). `light` and `dark` are its colours
    on pages of that kind, apart from all others also for the colour-blind. `examples` are sentences, parted by |, in which it is plainly
    heard, `cues` words that speak for it in what is said, `sounds` a regular expression of those in what subtitles describe.
    """

    name: str
    forms: tuple[str, ...]
    valence: float
    arousal: float
    light: str
    dark: str
    examples: str = ""
    cues: str = ""
    sounds: str = ""


ALL: tuple[Emotion, ...] = (
    Emotion(
        "neutral",
        forms=("neutral",),
        valence=0.0,
        arousal=0.0,
        light="#858c97",
        dark="#868d98",
        examples="""The meeting is at ten.|Put the bags over there.|He lives on the second floor.|I'll have a coffee.|The train leaves in an
        hour.|It's in the kitchen.|She works at the bank.|Could you pass me the salt?""",
    ),
    Emotion(
        "joy",
        forms=("joy", "joyful", "happy", "happiness"),
        valence=0.76,
        arousal=0.48,
        light="#cc8200",
        dark="#f5d547",
        examples="""I'm so happy!|This is wonderful!|That's great news!|I love you.|We did it!|What a beautiful day!|Thank you so much!|You
        look wonderful.|Congratulations!|Haha, that's so funny!""",
        cues="""ha haha hahaha hehe yay hooray hurray hurrah yeah yes happy happily happiness glad gladly joy joyful delighted delight
        delightful thrilled excited excitement exciting fun funny love loved loves loving lovely adore wonderful marvelous
        marvellous fantastic terrific amazing awesome beautiful gorgeous perfect great brilliant splendid magnificent
        congratulations bravo cheers celebrate celebration laugh laughing laughed smile smiling enjoy enjoyed enjoying pleased
        pleasure proud grateful thankful thanks blessed lucky win won winner paradise sweet sweetheart darling dear hug kiss
        merry welcome""",
        sounds=r"laugh\w*|chuckl\w*|giggl\w*|cheer\w*|applau\w*|whoop\w*|snicker\w*|"
        r"guffaw\w*|happily|joyful\w*|gleeful\w*|merrily|upbeat",
    ),
    Emotion(
        "anger",
        forms=("anger", "angry"),
        valence=-0.51,
        arousal=0.59,
        light="#d24e3e",
        dark="#fb564c",
        examples="""I'm furious with you!|Get out of here!|Shut up!|I hate you!|How dare you!|You lied to me!|Leave me alone!|What the hell
        is wrong with you?|Damn it!|You idiot!""",
        cues="""angry anger angrily furious fury mad rage raging outraged outrage hate hates hated hatred damn damned dammit goddamn
        hell bastard bastards bitch bitches asshole jerk idiot idiots moron fool fools stupid scum coward liar lied lying
        traitor betrayed shut stop enough out fuck fucking fucked fucker crap bullshit bloody piss pissed screw annoying annoyed
        irritating kill murder revenge blame accuse insult insulted threaten fight shout yell""",
        sounds=r"angr(?:y|ily)|furious\w*|growl\w*|snarl\w*|swear(?:s|ing)?|"
        r"curs(?:es|ing)|rag(?:es|ing)|argu(?:es|ing)|quarrel\w*",
    ),
    Emotion(
        "fear",
        forms=("fear", "fearful"),
        valence=-0.64,
        arousal=0.6,
        light="#5c226e",
        dark="#c893fb",
        examples="""I'm scared.|Help me, please!|Run! It's coming!|Don't hurt me!|Oh God, we're going to die.|Something is out there.|Be
        careful, it's dangerous.|Don't go in there!|I'm so nervous.|Please don't kill me.""",
        cues="""afraid fear fears feared fearful scared scare scares scary frightened frightening terrified terrifying terror horror
        horrified panic panicked nervous anxious anxiety worried worry worries worrying dread dangerous danger threat careful
        beware hide hiding run escape trapped nightmare ghost ghosts monster monsters haunted creepy trembling shaking help
        hurry quick behind bomb gun weapon attack attacked murderer killer doomed desperate paranoid suspicious""",
        sounds=r"scream\w*|shriek\w*|terrified|frightened|panic\w*|fearful\w*|nervous\w*|"
        r"trembl\w*|whimper\w*|eerie|ominous|suspense\w*|tense",
    ),
    Emotion(
        "sadness",
        forms=("sadness", "sad"),
        valence=-0.63,
        arousal=-0.27,
        light="#1a5fc9",
        dark="#3f7bd6",
        examples="""I'm so sad.|I miss him so much.|He's dead.|I feel so alone.|I'm sorry for your loss.|It breaks my heart.|I can't stop
        crying.|There's nothing left for me.|Goodbye, my love.|I'm sorry, I failed you.""",
        cues="""sad sadly sadness unhappy miserable misery depressed depressing depression lonely loneliness alone lost loss grief
        grieve mourn mourning sorrow sorry tears tear cry cries cried crying weep weeping heartbroken heartbreak hopeless
        despair regret regrets miss missed missing gone goodbye farewell funeral grave buried dead death died dies dying suicide
        suffer suffering suffered pain painful hurt hurts ashamed shame guilty fault failed failure abandoned empty tired poor
        pity unfortunately tragic tragedy wish""",
        sounds=r"sob\w*|cry|cries|crying|weep\w*|wail\w*|sniffl\w*|sad(?:ly)?|tearful\w*|mourn\w*|melanchol\w*|somber|sombre",
    ),
    Emotion(
        "surprise",
        forms=("surprise", "surprised"),
        valence=0.4,
        arousal=0.67,
        light="#1299c9",
        dark="#6af0f2",
        examples="""I can't believe it!|Oh my God!|What? Really?|Wow!|You're kidding!|I didn't expect that.|What are you doing here?|No
        way!|How is that possible?|That's incredible!""",
        cues="""what wow whoa oh huh how gosh blimey jeez gee surprise surprised surprises surprising amazed astonished astonishing
        shocked shock shocking stunned stunning unbelievable incredible unexpected unexpectedly suddenly sudden kidding
        seriously really impossible miracle strange weird wonder""",
        sounds=r"gasp\w*|startled|surprised|astonished|shocked",
    ),
    Emotion(
        "disgust",
        forms=("disgust", "disgusted"),
        valence=-0.6,
        arousal=0.35,
        light="#124a24",
        dark="#78bd93",
        examples="""That's disgusting.|Ew, gross!|You make me sick.|It smells horrible.|That's revolting.|I'm going to throw up.|What a
        filthy place.|He's a disgusting pig.|Yuck!|You're pathetic.""",
        cues="""ew eww yuck ugh bah blech gross disgust disgusting disgusted nasty filthy filth dirty foul rotten stink stinks stinking
        stench smell smells vomit puke sick sickening revolting repulsive vile pathetic creep pervert perverted pig pigs rat
        rats slime scum trash garbage shit shitty crap ugly hideous horrible awful loathe despise contempt corrupt""",
        sounds=r"retch\w*|gag(?:s|ging)|vomit\w*|disgusted|in disgust",
    ),
)  # fmt: skip
"""In the order of every probability vector; the first is the absence of the others."""
