"""Where do declarations and reality differ, and what mends that?"""
