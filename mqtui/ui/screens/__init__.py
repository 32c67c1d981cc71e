"""The screens of the console, a package for each subject; what all of them share lies here."""
