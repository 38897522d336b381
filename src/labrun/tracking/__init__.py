"""The tracker: spools are the record, MLflow is a view that can be rebuilt."""
