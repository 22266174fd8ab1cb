"""How do the documents get into a collection that its manifest seeds it with?"""
