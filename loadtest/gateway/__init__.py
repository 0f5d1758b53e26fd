"""What the gateway for browsers costs, beside the same requests over gRPC."""
