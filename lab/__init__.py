"""A data centre in a box: real parts on loopback. It knows nothing of the product; they meet at the protocols."""
