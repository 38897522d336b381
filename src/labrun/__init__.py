"""Run experiments that survive: jobs, studies, results with lineage, a tracker."""
