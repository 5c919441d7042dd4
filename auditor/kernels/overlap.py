"""Weighted overlap of word sets: how much of what two texts say is said in the same words."""

from __future__ import annotations

import numpy as np

from auditor.kernels.jit import kernel


@kernel
def best_overlaps(
    text_start, text_ids, near, likeness, item_start, item_ids, nats, count, best
):  # fmt: skip
    """For each text the best of likeness[t, k] + count * overlap over its candidates near[t, k].

    Args:
        text_start: int64 [texts + 1]. text_ids: int32, ascending in each text: the words of text t are
            text_ids[text_start[t]:text_start[t + 1]].
        near: int64 [texts, k], views of items. likeness: float32 [texts, k].
        item_start: int64 [views + 1]. item_ids: int32, ascending in each view.
        nats: float32 [words]: how much each word says.
        count: what an overlap of 1 adds.
        best: float32 [texts], filled. The overlap is that of sets weighted by `nats`, over the geometric mean of both.
    """
    for t in range(len(text_start) - 1):
        own = 0.0
        for i in range(text_start[t], text_start[t + 1]):
            own += nats[text_ids[i]]
        highest = np.float32(-1.0)
        for k in range(near.shape[1]):
            view = near[t, k]
            i = text_start[t]
            j = item_start[view]
            shared = 0.0
            total = 0.0
            for place in range(item_start[view], item_start[view + 1]):
                total += nats[item_ids[place]]
            while i < text_start[t + 1] and j < item_start[view + 1]:
                if text_ids[i] < item_ids[j]:
                    i += 1
                elif text_ids[i] > item_ids[j]:
                    j += 1
                else:
                    shared += nats[text_ids[i]]
                    i += 1
                    j += 1
            score = likeness[t, k]
            if shared > 0.0:
                score += np.float32(count * shared / np.sqrt(own * total))
            highest = max(highest, score)
        best[t] = highest
