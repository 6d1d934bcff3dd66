"""The report beside the model: what was learned, in pictures and a model card. Facts, then pictures, then a page."""
