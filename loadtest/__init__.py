"""The served pipeline measured: under load, beside what one would build instead, and past what one machine can do."""
