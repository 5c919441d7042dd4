"""Lines of models whose makers say how small models came to score high: known recipes, which cap a verdict at `review`.

Only an organisation's own models are meant, by the name it owns on the hub: anyone can call a model "phi", nobody else
can publish as `microsoft/`. A flag, a flagged ancestor or another board's evidence lifts the cap.
"""

from __future__ import annotations

RECIPES: tuple[tuple[str, str], ...] = (
    ("qwen/", "Qwen's makers report 2 to 7 trillion training tokens and instruction and mathematics data in "
              "pretraining "
     "(Qwen technical report, arXiv 2309.16609; Qwen2, 2407.10671)."),
    ("microsoft/phi", "Phi is trained on synthetic textbooks and heavily filtered web text (arXiv 2306.11644, "
                      "2309.05463, "
     "2404.14219), which lifts knowledge benchmarks at small sizes."),
    ("huggingfacetb/smollm", "SmolLM is trained on 600 billion to 11 trillion tokens with synthetic textbooks "
                             "(Cosmopedia)."),
    ("openbmb/minicpm", "MiniCPM's makers report over a trillion tokens and instruction data in the decay phase "
                        "(2404.06395)."),
    ("google/gemma", "Gemma is trained on 2 to 8 trillion tokens, the second generation by distillation (2408.00118)."),
    ("meta-llama/meta-llama-3", "Llama 3 is trained on 15 trillion tokens, 1,900 for each parameter at 8B "
                                "(2407.21783)."),
    ("meta-llama/llama-3", "Llama 3 is trained on 15 trillion tokens, 1,900 for each parameter at 8B (2407.21783)."),
)  # fmt: skip
"""Lower-case beginning of a model's full name, and what is published of its training."""


_PREFIXES = tuple(prefix for prefix, _ in RECIPES)


def known_recipe(model: str) -> str:
    """What is published of the recipe of an organisation's own model; "" where nothing is known."""
    name = model.lower()
    if not name.startswith(_PREFIXES):
        return ""
    return next((told for prefix, told in RECIPES if name.startswith(prefix)), "")
