"""The home screen: profiles, the first steps without any, and the form that edits one."""
