"""What the comparison of reliefs costs: time of a photo, memory, disk and start-up, by the size of the catalog."""
