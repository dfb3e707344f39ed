"""Azure Resource Manager, as far as Microsoft.Web/sites needs it."""
