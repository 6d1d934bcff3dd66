"""The report on a trained model. `facts` → one module per kind of chart or table → `page` → `files`."""
