"""The report on a trained model: pictures and a model card. `facts` → one module per picture → `page` → `files`."""
