"""Azure App Service: its control plane (ARM) and each slot's SCM site (Kudu)."""
