"""Search for hyper-parameters: every trial is scored on the same rolling origins."""
