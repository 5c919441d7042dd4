"""Items that say what a text says, by word vectors: found through the words that are near the text's, then compared
word by word both ways; texts as bags of words; and the largest of many numbers.
"""

from __future__ import annotations

import numpy as np

from auditor.kernels.jit import inlined, kernel


@inlined
def _add_up(text_ids, begin, end, near_start, near_ids, near_likeness, post_start, post_views, post_nats, likeness,
            touched, said, views):  # fmt: skip
    """For each view, the nats of its words that the text says: a word counts as much as the text's word nearest to it
    is like it. Fills `views` with those of which anything is said; how many they are."""
    count = 0
    for i in range(begin, end):
        for j in range(near_start[text_ids[i]], near_start[text_ids[i] + 1]):
            word = near_ids[j]
            if likeness[word] == 0.0:
                touched[count] = word
                count += 1
            likeness[word] = max(likeness[word], near_likeness[j])
    found = 0
    for i in range(count):
        word = touched[i]
        much = likeness[word]
        likeness[word] = 0.0
        for place in range(post_start[word], post_start[word + 1]):
            view = post_views[place]
            # without a branch, which would be guessed wrong a third of the time
            views[found] = view
            found += said[view] == 0.0
            said[view] += much * post_nats[place]
    return found


@inlined
def _most_said(said, views, found, totals, benchmark_of, places, scores, counts):
    """Fill the rows of `places`, one for each benchmark, with the views of which most is said, the best first, and
    `counts` with how many there are; clears `said`."""
    counts[:] = 0
    for i in range(found):
        view = views[i]
        square = said[view] * said[view]
        said[view] = 0.0
        b = benchmark_of[view]
        if counts[b] < places.shape[1]:
            counts[b] += 1
        elif square <= scores[b, counts[b] - 1] * totals[view]:
            continue
        _insert(scores[b], places[b], counts[b] - 1, square / totals[view], view)


@inlined
def _insert(scores, places, k, score, view):
    """Put `view` among those before place `k`, which are by score, the best first; the one at `k` is lost."""
    while k > 0 and scores[k - 1] < score:
        scores[k], places[k] = scores[k - 1], places[k - 1]
        k -= 1
    scores[k], places[k] = score, view


@inlined
def _log_odds(text_ids, begin, end, item_ids, first, last, near_start, near_ids, near_likeness, nats, slot, best,
              cosine, weights):  # fmt: skip
    """Compare a text with a view, whose words are item_ids[first:last]."""
    for k in range(first, last):
        slot[item_ids[k]] = k - first + 1
        best[k - first] = 0.0
    of_text = 0.0
    warranted = 0.0
    for i in range(begin, end):
        own = 0.0
        for j in range(near_start[text_ids[i]], near_start[text_ids[i] + 1]):
            place = slot[near_ids[j]]
            if place > 0:
                own = max(own, near_likeness[j])
                best[place - 1] = max(best[place - 1], near_likeness[j])
        of_text += nats[text_ids[i]]
        warranted += own * nats[text_ids[i]]
    of_item = 0.0
    covered = 0.0
    for k in range(first, last):
        of_item += nats[item_ids[k]]
        covered += best[k - first] * nats[item_ids[k]]
        slot[item_ids[k]] = 0
    return (
        weights[0] * cosine
        + weights[1] * np.log(covered / max(of_item, 1e-3) + weights[4])
        + weights[2] * np.log(warranted / max(of_text, 1e-3) + weights[4])
        + weights[3] * np.log(max(covered, 1.0))
        + weights[5]
    )


@kernel
def best_leads(
    text_start, text_ids, vectors, find_start, find_ids, find_likeness, near_start, near_ids, near_likeness, post_start,
    post_views, post_nats, totals, item_start, item_ids, coarse, benchmark_of, nats, ordinary, bars, weights, looked_at,
    views, leads,
):  # fmt: skip
    """The views that each text is likeliest to stand for, of those of which it says most, and how far it is above the
    bars of their benchmarks.

    Args:
        text_start: int64 [texts + 1]. text_ids: int32: the words of text t are text_ids[text_start[t]:text_start[t+1]],
            each once. vectors: float32 [texts, d], unit length.
        near_start: int64 [words + 1]. near_ids, near_likeness: int32, float32 in (0, 1]: words like each word, itself
            among them, by which a text and a view are compared. find_start, find_ids, find_likeness: those of them by
            which views are found.
        post_start: int64 [words + 1]. post_views, post_nats: int32, float32 above 0: the views that have a word, and
            what it says in their benchmark; words by which no view is to be found are left out.
        totals: float32 [views]: what all words of a view say. item_start: int64 [views + 1]. item_ids: int32, as those
            of texts. coarse: float32 [views, d], unit length.
        benchmark_of: int32 [views]. nats: float32 [benchmarks, words].
        ordinary: float32 [benchmarks]: the cosine that counts as 0.
        bars: float64 [benchmarks], in log odds.
        weights: float64 [6]: of the cosine, the log share of the item that is said, the log share of the text, the log
            of the nats that are said; what is added to a share; the intercept.
        looked_at: how many views of each benchmark are compared.
        views, leads: int64, float32 [texts, k], filled with the k likeliest, the likeliest first; where there are
            fewer, they keep what they were given, which must be no more than any lead.
    """
    words = len(near_start) - 1
    likeness = np.zeros(words, np.float32)
    touched = np.zeros(words, np.int32)
    slot = np.zeros(words, np.int32)
    said = np.zeros(len(totals), np.float32)
    found_views = np.zeros(len(totals) + 1, np.int32)
    longest = 1
    for view in range(len(totals)):
        longest = max(longest, item_start[view + 1] - item_start[view])
    best = np.zeros(longest, np.float32)
    places = np.zeros((len(bars), looked_at), np.int64)
    scores = np.zeros((len(bars), looked_at), np.float32)
    counts = np.zeros(len(bars), np.int64)
    for t in range(len(text_start) - 1):
        begin, end = text_start[t], text_start[t + 1]
        found = _add_up(text_ids, begin, end, find_start, find_ids, find_likeness, post_start, post_views, post_nats,
                        likeness, touched, said, found_views)  # fmt: skip
        _most_said(said, found_views, found, totals, benchmark_of, places, scores, counts)
        for b in range(len(bars)):
            for k in range(counts[b]):
                view = places[b, k]
                cosine = np.dot(vectors[t], coarse[view])
                odds = _log_odds(
                    text_ids, begin, end, item_ids, item_start[view], item_start[view + 1], near_start, near_ids,
                    near_likeness, nats[b], slot, best, (cosine - ordinary[b]) / (1.0 - ordinary[b]), weights,
                )  # fmt: skip
                lead = np.float32(odds - bars[b])
                if lead > leads[t, -1]:
                    _insert(leads[t], views[t], leads.shape[1] - 1, lead, view)


@kernel
def bags(known, first, parts):
    """The words of parts of texts, as bags.

    Args:
        known: int64 [words, 3]: of the words of all texts, their numbers, and where in their text they begin and end;
            those of text t are known[first[t]:first[t + 1]], by where they begin.
        first: int64 [texts + 1].
        parts: int64 [parts, 3]: which text each is of, and where it begins and ends.

    Returns:
        (start, words, counts): int64 [parts + 1], int32, float32: the numbers of the words that begin and end inside
        part p are words[start[p]:start[p + 1]], ascending, with how often each stands there.
    """
    begins = np.zeros(len(parts), np.int64)
    most = 0
    for p in range(len(parts)):
        low, high = first[parts[p, 0]], first[parts[p, 0] + 1]
        while low < high:
            middle = (low + high) // 2
            if known[middle, 1] < parts[p, 1]:
                low = middle + 1
            else:
                high = middle
        begins[p] = low
        while high < first[parts[p, 0] + 1] and known[high, 1] < parts[p, 2]:
            high += 1
        most += high - low
    start = np.zeros(len(parts) + 1, np.int64)
    words = np.zeros(most, np.int32)
    counts = np.zeros(most, np.float32)
    size = 0
    for p in range(len(parts)):
        begin = size
        k = begins[p]
        while k < first[parts[p, 0] + 1] and known[k, 1] < parts[p, 2]:
            if known[k, 2] <= parts[p, 2]:
                words[size] = known[k, 0]
                size += 1
            k += 1
        own = np.sort(words[begin:size])
        size = begin
        for word in own:
            if size == begin or words[size - 1] != word:
                words[size] = word
                size += 1
            counts[size - 1] += 1.0
        start[p + 1] = size
    return start, words[:size], counts[:size]


@kernel
def largest(values, places):
    """Fill `places`, int64 [k], with the places of the largest of `values`, float32, the largest first and the earlier
    first among equals; how many there are: k, or all of them."""
    count = 0
    for i in range(len(values)):
        if count < len(places):
            count += 1
        elif values[i] <= values[places[count - 1]]:
            continue
        k = count - 1
        while k > 0 and values[places[k - 1]] < values[i]:
            places[k] = places[k - 1]
            k -= 1
        places[k] = i
    return count
