"""The verdict on a picture, the empty screen of a capture box, the same place framed again: drawn pictures only."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.peripherals.pictures import framing, judging, scale
from gateway.peripherals.pictures.judging import Judge
from gateway.peripherals.pictures.no_signal import SETTLED_S, NoSignal
from protocol.readings import InstrumentKind, StillQuality
from sim import exam_scenes, skin
from sim.skin import Look

SIZE = (1280, 960)
SCENES = {InstrumentKind.skin_camera: skin.draw, InstrumentKind.otoscope: exam_scenes.ear,
          InstrumentKind.intraoral_camera: exam_scenes.mouth}


@cache
def scene(kind: InstrumentKind, look: Look) -> NDArray[np.uint8]:
    return SCENES[kind](look, 0)


@pytest.mark.parametrize("kind", list(SCENES))
@pytest.mark.parametrize(("look", "quality"), [
    (Look(), StillQuality.sharp), (Look(focus=0.85), StillQuality.blurred), (Look(focus=0.3), StillQuality.blurred),
    (Look(light=0.15), StillQuality.dark), (Look(light=1.7), StillQuality.glare)])
def test_each_kind_of_camera_is_judged_by_what_it_looks_at(kind: InstrumentKind, look: Look,
                                                          quality: StillQuality) -> None:
    """After its own best was seen: the black ring, the eardrum's reflex and wet teeth are no faults."""
    judge = Judge(kind)
    judge.learn(scene(kind, Look()), SIZE)
    assert judge.judge(scene(kind, look), SIZE).quality is quality


def test_an_ultrasound_is_never_called_dark_or_blurred() -> None:
    """Its light and focus are the machine's."""
    screen = exam_scenes.ultrasound(Look(), 3)
    assert Judge(InstrumentKind.ultrasound).judge(screen, SIZE).quality is StillQuality.sharp


def test_the_best_belongs_to_one_size() -> None:
    """A small live view, soft by its nature or sharpened, does not set the bar for the full sensor."""
    judge = Judge()
    judge.learn(cv2.detailEnhance(scene(InstrumentKind.skin_camera, Look()), sigma_s=10, sigma_r=0.9), (640, 480))
    assert judge.judge(scene(InstrumentKind.skin_camera, Look()), SIZE).quality is StillQuality.sharp


def lesion(x: int, y: int) -> NDArray[np.uint8]:
    """A brown spot on plain skin, its centre at x, y."""
    picture = np.full((600, 800, 3), (140, 165, 205), np.uint8)
    cv2.ellipse(picture, (x, y), (70, 50), 20, 0, 360, (60, 80, 120), -1, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize(("x", "y"), [(400, 300), (260, 200), (540, 390)])
def test_the_region_is_the_lesion(x: int, y: int) -> None:
    """Found by its contrast to the skin, wherever the hand holds it near the middle."""
    left, top, width, height = judging.region(lesion(x, y))
    assert left < x < left + width
    assert top < y < top + height
    assert width * height < 0.15 * 800 * 600


def test_without_a_lesion_the_region_is_the_middle() -> None:
    """Plain skin."""
    plain = np.full((600, 800, 3), (140, 165, 205), np.uint8)
    assert judging.region(plain) == (200, 150, 400, 300)


def test_white_paper_is_no_glare() -> None:
    """A marker beside the lesion, its paper clipped white, does not refuse the picture."""
    picture = scene(InstrumentKind.skin_camera, Look(marker=False)).copy()
    tag = cv2.aruco.generateImageMarker(scale.dictionary(), 5, 160)
    paper = cv2.copyMakeBorder(tag, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=(255,))
    picture[500:740, 330:570] = paper[..., None]
    found = scale.find(judging.grey(picture))
    assert found is not None
    judge = Judge()
    assert judge.judge(picture, SIZE).quality is StillQuality.glare
    assert judge.judge(picture, SIZE, found.paper).quality is StillQuality.sharp


@pytest.mark.parametrize("which", ["blue", "black", "bars"])
def test_an_empty_screen_is_no_signal_after_a_second(which: str) -> None:
    """Blue with its words, black (also HDCP), bars; noise of the capture's compression changes nothing."""
    watch = NoSignal()
    screen = exam_scenes.no_signal(which).astype(np.int16)
    noise = np.random.default_rng(4)
    said = [watch.feed(np.clip(screen + noise.integers(-2, 3, screen.shape), 0, 255).astype(np.uint8), n * 0.2)
            for n in range(8)]
    assert said == [n * 0.2 >= SETTLED_S for n in range(8)]
    assert watch.feed(exam_scenes.ultrasound(Look(), 0), 2.0) is False


def test_a_live_a_frozen_and_a_changing_ultrasound_have_a_signal() -> None:
    """A frozen picture is a picture; a black moment between two pages is not yet "no signal"."""
    watch = NoSignal()
    frozen = exam_scenes.ultrasound(Look(), 0)
    assert not any(watch.feed(exam_scenes.ultrasound(Look(), n), n * 0.2) for n in range(10))
    assert not any(watch.feed(frozen, 2 + n * 0.2) for n in range(10))
    assert watch.feed(exam_scenes.no_signal("black"), 4.0) is False
    assert watch.feed(frozen, 4.2) is False


def moved(picture: NDArray[np.uint8], right: float, down: float, scaled: float, turned: float) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -turned, scaled)
    matrix[:, 2] += (right * width, down * height)
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), dtype=np.uint8)


@pytest.mark.parametrize(("right", "down", "scaled", "turned", "same"), [
    (0.0, 0.0, 1.0, 0.0, True), (0.05, -0.04, 1.05, 4.0, True), (0.2, 0.0, 1.0, 0.0, False),
    (0.0, 0.1, 1.3, 0.0, False), (0.0, 0.0, 1.0, 20.0, False)])
def test_framing_says_how_the_hand_must_move(right: float, down: float, scaled: float, turned: float,
                                             same: bool) -> None:
    """Shift, distance and turn to within what a hand can do."""
    before = scene(InstrumentKind.skin_camera, Look())
    seen = framing.compare(before, moved(before, right, down, scaled, turned))
    assert seen is not None
    assert abs(seen.right - right) < 0.02
    assert abs(seen.down - down) < 0.02
    assert abs(seen.scale - scaled) < 0.04
    assert abs(seen.turned - turned) < 2
    assert seen.same is same


def test_another_place_is_not_framed() -> None:
    """An ear is not the mole."""
    assert framing.compare(scene(InstrumentKind.skin_camera, Look()), scene(InstrumentKind.otoscope, Look())) is None
    plain = np.full((600, 800, 3), 128, np.uint8)
    assert framing.compare(plain, plain) is None
