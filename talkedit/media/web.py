"""Videos on web pages, through yt-dlp, which is an extra: talkedit runs without it until a source asks for it."""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from talkedit.errors import TalkeditError
from talkedit.media.ffmpeg import ffmpeg_path
from talkedit.transfer import Patience, TransferError


@dataclass(frozen=True)
class WebManners:
    """What is fetched from pages with videos, and how politely.

    Attributes:
        max_side_px: Of the formats on offer, the best whose shorter side has no more; if all have more, the smallest.
        rate_bytes_s: Most bytes a second; None is as fast as it goes.
        pause_s: Before each video.
    """

    max_side_px: int
    rate_bytes_s: int | None
    pause_s: float


@dataclass(frozen=True)
class Video:
    """A video of a list.

    Attributes:
        id: What its site calls it; a feed of a podcast has titles alone.
        url: The address of its page.
    """

    id: str
    url: str


class _Quiet:
    """What yt-dlp would print; the last error comes back as an exception anyway."""

    def debug(self, message: str) -> None:
        """Nothing."""

    info = warning = error = debug


def list_videos(url: str, items: str | None) -> list[Video]:
    """The videos of a playlist, or of a channel's page, in its order; nothing of them is fetched.

    Args:
        url: The list's address.
        items: Which of it, such as ``1-20,25``; None is all.

    Raises:
        TransferError: The list cannot be had.
        TalkeditError: yt-dlp is not installed.
    """
    options = {"extract_flat": "in_playlist", "skip_download": True, "playlist_items": items}
    info = _ask(url, options, download=False)
    entries = [entry for entry in info.get("entries") or () if entry]
    places = [(entry, entry.get("url") or entry.get("webpage_url")) for entry in entries]
    return [Video(_name(entry, place), place) for entry, place in places if place]


def _name(entry: dict[str, Any], place: str) -> str:
    return str(entry.get("id") or entry.get("title") or place.rpartition("/")[2])


def fetch_video(url: str, folder: Path, manners: WebManners, patience: Patience) -> Path:
    """Fetches the one video of a page, its best picture and sound put together.

    Args:
        url: The page's address.
        folder: Gets the file, of this page and format alone; what a run that broke off left there is gone on with.
        manners: Which format, and how politely.
        patience: How long to try.

    Returns:
        The file in `folder`.

    Raises:
        TransferError: The page has no video, or it cannot be had any more.
        TalkeditError: yt-dlp is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "format": "bv*+ba/b",
        "format_sort": [f"res:{manners.max_side_px}"],
        "merge_output_format": "mkv",
        "outtmpl": {"default": str(folder.resolve()).replace("%", "%%") + "/video.%(ext)s"},
        "ffmpeg_location": ffmpeg_path(),
        "ratelimit": manners.rate_bytes_s,
        "sleep_interval": manners.pause_s,
        "noplaylist": True,
        "playlist_items": "0",  # of a page that is a list all the same, nothing: its videos would be one file's parts
        "socket_timeout": patience.timeout_s,
        "retries": patience.n_tries - 1,
        "fragment_retries": patience.n_tries - 1,
        "extractor_retries": patience.n_tries - 1,
        "retry_sleep_functions": {"http": lambda n: patience.pause_s * 2**n},
    }
    info = _ask(url, options, download=True)
    files = info.get("requested_downloads") or []
    if not files:
        raise TransferError(
            "no_video",
            f"{url}: has no video that can be fetched; give the address of one video, or name a list under playlist",
        )
    return Path(files[0]["filepath"])


def require_yt_dlp() -> ModuleType:
    """The module, which takes a second to load.

    Raises:
        TalkeditError: It is not installed.
    """
    try:
        import yt_dlp  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise TalkeditError("sources on web pages need yt-dlp, which is not installed: pip install yt-dlp") from error
    return yt_dlp


def _ask(url: str, options: dict[str, Any], download: bool) -> dict[str, Any]:
    yt_dlp = require_yt_dlp()
    always = {"quiet": True, "noprogress": True, "color": "no_color", "logger": _Quiet(), "cachedir": False}
    try:
        with yt_dlp.YoutubeDL(always | options) as downloader:
            return downloader.extract_info(url, download=download) or {}
    except yt_dlp.utils.DownloadError as error:
        words = " ".join(str(error).removeprefix("ERROR: ").split())
        reason = "no_video" if isinstance(error.exc_info[1], yt_dlp.utils.UnsupportedError) else "unavailable"
        raise TransferError(reason, f"{url}: {words}") from error
