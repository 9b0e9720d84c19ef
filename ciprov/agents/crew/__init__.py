"""Which agents there are to be: who is made and who leaves, what failed, what is kept ready."""
