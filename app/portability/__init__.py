"""Import and export of users' own data, and transfer of ratings in bulk."""
