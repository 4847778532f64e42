"""The few numbers by which two models are compared, and all the others. Pure."""

from typing import Any

# In the order in which `dvc metrics show` and the report have them. What could not be measured is null, not missing, so
# that a comparison always has the same lines.
HEADLINE = (
    "self_ssim_in_mask",
    "self_ssim_in_mask_gain",
    "self_ssim_crop",
    "self_lmd_m_px256",
    "self_lmd_f_px256",
    "self_perceptual_hed_vgg",
    "self_sharpness_ratio",
    "self_identity_dlib",
    "self_detection_rate",
    "self_{sync}_confidence",
    "yaw_deg_slope",
    "pitch_deg_slope",
    "roll_deg_slope",
    "eye_openness_slope",
    "emotion_moved",
    "largest_leak",
    "flicker_ratio",
    "cross_pose_error_deg",
    "cross_openness_error",
    "cross_emotion_agreement",
    "cross_blink_f1",
    "lip_correlation",
    "lip_sync_share",
    "lip_silence_ratio",
)


def divide(scores: dict[str, Any], sync: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The headline and the rest: every number is in one of the two.

    Args:
        scores: All numbers by their names.
        sync: The name of who judged lips against speech.
    """
    names = [name.format(sync=sync) for name in HEADLINE]
    leaks = [value for key, value in scores.items() if key.endswith("_leak") and value is not None]
    scores = scores | {"largest_leak": max(leaks, default=None)}
    return {name: scores.get(name) for name in names}, {key: value for key, value in scores.items() if key not in names}
