"""`python dev.py soak`: hostile input, long queues, interrupts and kills, counted in a table."""
