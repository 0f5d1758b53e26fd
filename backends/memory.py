"""How the processes of a server keep their memory."""

# The C library gives large blocks back to the system and has them cleared again for the next photo, which takes as long
# as decoding one. What a process has held once it keeps, up to this much.
ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),  # bytes, below which blocks come from the heap
    "MALLOC_TRIM_THRESHOLD_": str(512 << 20),  # bytes free at the heap's end, above which they are given back
}
