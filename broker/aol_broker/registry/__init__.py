"""What does this broker know? Services, collections and grants, in a database and as an immutable snapshot."""
