"""What owners make: products, their pages, their order."""
