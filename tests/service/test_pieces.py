from service.pieces import Pieces, done, step


def counting(until: int) -> Pieces[list[int]]:
    seen: list[int] = []
    while len(seen) < until:
        seen.append(len(seen))
        yield
    return seen


def test_work_goes_on_piece_by_piece_and_what_came_of_it_is_told_at_the_end() -> None:
    pieces = counting(2)
    assert step(pieces) is None and step(pieces) is None
    ended = step(pieces)
    assert ended is not None and ended.result == [0, 1]


def test_whoever_has_the_time_does_what_is_left() -> None:
    pieces = counting(3)
    step(pieces)
    assert done(pieces) == [0, 1, 2]
