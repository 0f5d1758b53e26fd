"""What the models of Triton ask of a catalog: operations, access, answers, pictures."""
