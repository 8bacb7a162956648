"""What may be shown is what the catalogue holds now, under rights that the team lists for showing."""

import dataclasses
from pathlib import Path

import pytest

from corpus.films.catalogue.store import write_catalogue
from corpus.paths import Home
from corpus.terms import FeelmError, Rights
from pages.site.shelf import Holding, KeptBack, read_holding, read_shelf
from tests.pages.sample import BARE, SILENT, TALK
from tests.pages.site.conftest import NEW, OTHER, SECRET, films_of


def test_films_stand_by_title_and_those_of_other_rights_are_kept_back(site_home: Home) -> None:
    shelf = read_shelf(site_home)
    assert [one.film.film_id for one in shelf.holdings] == [OTHER, NEW, TALK, SILENT]
    assert [one.film.film_id for one in shelf.kept_back] == [SECRET]
    assert "has rights 'unknown'" in shelf.kept_back[0].reason
    assert [one.film.film_id for one in shelf.comparable] == [OTHER, TALK]


def test_a_film_that_left_the_catalogue_is_gone_whatever_it_left_behind(own_site: Home) -> None:
    write_catalogue(own_site.catalogue, [film for film in films_of(own_site) if film.film_id != TALK])
    assert own_site.artifact("film_report", TALK).is_dir()
    assert read_holding(own_site, TALK) is None and read_shelf(own_site).find(TALK) is None


def test_rights_that_are_taken_back_count_at_once(own_site: Home) -> None:
    assert isinstance(read_holding(own_site, TALK), Holding)
    changed = [dataclasses.replace(film, rights=Rights.RESEARCH_EXCEPTION) for film in films_of(own_site)]
    write_catalogue(own_site.catalogue, changed)
    assert isinstance(read_holding(own_site, TALK), KeptBack)


def test_a_film_that_only_has_artifacts_is_not_there(site_home: Home) -> None:
    assert site_home.artifact("film", BARE).is_dir() and read_holding(site_home, BARE) is None


def test_why_a_film_cannot_play_is_told(site_home: Home) -> None:
    holding, missing = read_holding(site_home, TALK), read_holding(site_home, OTHER)
    assert isinstance(holding, Holding) and isinstance(missing, Holding)
    assert holding.no_video is None
    assert missing.no_video is not None and "other-film.mp4 is not where the catalogue says" in missing.no_video
    assert holding.digest is not None
    old = dataclasses.replace(holding, digest=dataclasses.replace(holding.digest, video_codec="mpeg2video"))
    assert old.no_video is not None and "No browser is known to play mpeg2video" in old.no_video


def test_settings_without_rights_are_an_error_that_names_the_file(own_site: Home) -> None:
    settings = own_site.root.parent / "params.yaml"
    settings.write_text("rights: {train: []}\n", encoding="utf-8")
    with pytest.raises(FeelmError, match=r"params.yaml.*rights: export"):
        read_shelf(own_site)


def test_a_home_without_a_catalogue_has_an_empty_shelf(tmp_path: Path) -> None:
    assert read_shelf(Home(tmp_path)).holdings == ()
