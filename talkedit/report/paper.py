"""The paper's own numbers, and how its columns are called here.

Source: Huang, Iizuka, Fukui, Free-View Expressive Talking Head Video Editing, ICASSP 2023, tables 2 and 3.
"""

COLUMNS = ("SSIM", "LMD_m", "LMD_f", "sync")
KEYS = ("ssim_crop", "lmd_m_px256", "lmd_f_px256")
OWN, SYNCNET = "sync_own_confidence", "syncnet_confidence"
FID, FID_COLUMN = "fid_hed_vgg", "FID (HED's VGG)"  # the paper's caption speaks of it, and gives none
SYNC_COLUMNS = {OWN: "sync_own", SYNCNET: "SyncNet"}

Row = tuple[float, float, float, float]

METHODS: dict[str, Row] = {
    "Wav2Lip": (0.71, 0.57, 1.39, 5.67),
    "PC-AVS": (0.68, 0.63, 3.16, 4.39),
    "ground truth": (1.00, 0.00, 0.00, 5.24),
    "this system": (0.72, 0.46, 0.86, 4.79),
}
ALIKE = "this system, trained alike"
REFERENCE = "the paper's layout, trained alike"
ABLATIONS: dict[str, Row] = {
    "A": (0.70, 0.45, 1.13, 4.88),
    "A+P": (0.70, 0.49, 0.95, 4.73),
    "A+P+E": (0.69, 0.46, 0.90, 4.78),
    "A+P+E+B": (0.72, 0.46, 0.86, 4.79),
}
WARNING = (
    "The paper's numbers are of other people's footage (about 5 h each of three politicians) and cannot be compared "
    "with those beside them. SSIM here is of the whole crop; the paper does not say of what."
)
SYNC_WARNINGS = {
    OWN: "The paper's sync is SyncNet's confidence; sync_own is that of the person's own lip-sync expert, which the "
    "generator was trained against.",
    SYNCNET: "SyncNet sees faces cut out about dlib's landmarks, where its authors take the boxes of S3FD.",
}
EXPERT_WARNING = (
    "Each ablation has a lip-sync expert of its own, trained with the same data and seed: sync_own is one expert's "
    "only within a row."
)
ALIKE_WARNING = (
    "Wav2Lip and the lines that say trained alike are of experiments, each with a lip-sync expert of its own, trained "
    "with the same data: their sync_own can be compared neither with one another nor with the other lines', "
    "which the last evaluation's expert judged."
)
SEEDS_NOTE = "Several seeds: mean and standard deviation (of a sample), with their number."
