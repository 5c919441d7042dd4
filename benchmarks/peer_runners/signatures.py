"""MinHash signatures of every text of a JSONL file, as people make them in Python: `signatures.py TOOL FILE`.

TOOL is rensa (Rust; 128 permutations) or datasketch (128 permutations, "affine32"). Shingles are words in threes, cut
in Python. Only the signatures are made: no index, no look-up, no verdict.
"""

import json
import sys


def main() -> None:
    tool, path = sys.argv[1:]
    if tool == "rensa":
        from rensa import RMinHash

        def sign(shingles: list[str]) -> object:
            signature = RMinHash(num_perm=128, seed=1)
            signature.update(shingles)
            return signature.digest()
    else:
        from datasketch import MinHash

        def sign(shingles: list[str]) -> object:
            signature = MinHash(num_perm=128, seed=1, scheme="affine32")
            signature.update_batch([s.encode() for s in shingles])
            return signature.hashvalues

    count = 0
    with open(path, encoding="utf-8") as lines:  # noqa: PTH123
        for line in lines:
            row = json.loads(line)
            text = row.get("text") or " ".join(m["content"] for m in row["messages"])
            words = text.lower().split()
            sign([" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))])
            count += 1
    print(count, "signatures")


main()
