import pytest

from talkedit.errors import ParamsError
from talkedit.face.extract import AttributesParams, build_extractors

VALUES = {
    "pose": "landmarks",
    "pose_smooth_s": 0.08,
    "emotion": "xception",
    "emotion_smooth_s": 0.2,
    "emotion_every_n_frames": 1,
    "blink": "ear",
    "ear_closed": 0.15,
    "ear_open": 0.35,
}


def test_extractors_are_those_that_the_params_name() -> None:
    extractors = build_extractors(AttributesParams(**VALUES))
    assert [extractor.name for extractor in extractors] == ["landmarks", "xception", "ear"]
    assert [len(extractor.columns) for extractor in extractors] == [3, 7, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pose": "guess"}, r"attributes\.pose is 'guess': not known; the known ones are landmarks"),
        ({"emotion": "guess"}, "the known ones are xception"),
        ({"blink": "guess"}, "the known ones are ear"),
        ({"ear_open": 0.1}, "should be more than ear_closed"),
    ],
)
def test_nonsense_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        build_extractors(AttributesParams(**(VALUES | change)))
