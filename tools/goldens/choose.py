"""Which rows of the logits a golden keeps."""

import numpy as np

from goldens.record import MANDATORY

ROWS = 40
SHARE = 0.7                 # of its best row that each effect should keep


def rows(found, loud, limit):
    """Ascending rows of the logits and, where there is an MTP head, of its drafts.

    `found` maps labels to movements, `loud` says how far correct roundings disagree in a row; both
    hold one array [T] for the logits and one [T-1] for the drafts. Rows up to `limit` may be kept:
    the boundaries, then the best row of each effect that the kept ones show poorly, then random
    ones of the quieter half.
    """
    quiet = [line <= limit for line in loud]
    kept = [{row for row in MANDATORY if row < len(q) and q[row]} for q in quiet]
    masked = [[np.where(q, m, 0.0) for m, q in zip(movements, quiet)]
              for movements in found.values()]
    for lines in sorted(masked, key=lambda lines: max(line.max() for line in lines)):
        side = int(np.argmax([line.max() for line in lines]))
        have = max(lines[i][list(kept[i])].max(initial=0.0) for i in range(len(lines)))
        if have < SHARE * lines[side].max():
            kept[side].add(int(np.argmax(lines[side])))
    return [fill(chosen, line) for chosen, line in zip(kept, loud)]


def fill(chosen, loud):
    spare = np.random.default_rng(0).permutation(np.flatnonzero(loud <= np.median(loud)))
    for row in spare:
        if len(chosen) >= ROWS:
            break
        chosen.add(int(row))
    return np.array(sorted(chosen))
