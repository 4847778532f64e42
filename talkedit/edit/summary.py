"""An edit in a few sentences."""

from talkedit.edit.editor import EditReport
from talkedit.edit.limits import too_late


def summary(report: EditReport, knows_whose: bool = True) -> list[str]:
    """What a person wants to know of an edit, a line each.

    Args:
        report: The edit.
        knows_whose: Whether the model tells whose face it is of, so that another's would have been refused.
    """
    measured, wanted = report.plan.measured, report.wanted
    if wanted.audio is not None:
        sound = "sound replaced"
    elif measured.info.has_audio:
        sound = "sound encoded as AAC" if wanted.reencode_audio else "sound copied"
    else:
        sound = "no sound in the input"
    lines = [f"{report.out}: {report.n_edited} of {report.n_frames} frames edited, {sound}"]
    if measured.n_faces > 1:
        which = "the largest" if wanted.face is None else "as chosen"
        lines.append(
            f"there are {measured.n_faces} faces: face {measured.face} was edited, {which}; --face takes another, "
            f"`talkedit faces {report.source.name}` shows them"
        )
    lines += [f"frames {first} to {last}: no usable face, left as they were" for first, last in report.passed_through]
    lines += [f"frames {first} to {last}: no face found, its place interpolated" for first, last in measured.bridged]
    lines += [f"frame {number}: the picture cuts; the face is looked for anew" for number in measured.cuts]
    if not knows_whose:
        lines.append("the model does not say whose face it is of, so it was not checked that this is that person")
    lines += [f"forced: {sentence}" for sentence in report.forced]
    lines += [f"left out: {sentence}" for sentence in too_late(wanted.timeline, measured.clock)]
    if wanted.audio is not None:
        lines += _lengths(report.plan.speech.seconds, measured.clock.end_s)
    if report.rewritten.damage:
        lines.append(f"the input is damaged: {report.rewritten.damage}")
    if not report.rewritten.exact:
        lines.append(f"the input's {measured.info.pixel_format} was converted to {report.rewritten.pixel_format}")
    if report.rewritten.interlaced:
        lines.append(
            "the input is interlaced, the output is marked progressive; if moving edges show combs, edit what "
            f"`ffmpeg -i {report.source.name} -vf bwdif=send_frame -c:a copy OUT.mkv` makes of it"
        )
    if report.sidecar:
        lines.append(f"content credentials: {report.sidecar} (this container cannot hold them)")
    return lines


def _lengths(speech_s: float, video_s: float) -> list[str]:
    if speech_s > video_s + 0.05:
        return [f"the new speech is {speech_s - video_s:.2f} s longer than the video; its end was left out"]
    if speech_s < video_s - 0.05:
        return [f"the new speech ends {video_s - speech_s:.2f} s before the video; from there on there is silence"]
    return []
