"""A phone in the same network: a certificate made on the spot, a token, and a code that the phone scans."""
