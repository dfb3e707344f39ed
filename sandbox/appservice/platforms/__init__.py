"""What the kinds of App Service do differently: code on Linux, code on Windows, containers."""
