"""Speed and memory as ratios to a floor computed in the same run, on the same machine."""
