"""Programs around peers that are libraries; each is run as `python FILE PORT USER PASSWORD FOLDER`."""
