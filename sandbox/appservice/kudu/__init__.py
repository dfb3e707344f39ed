"""A slot's SCM site (Kudu): files, zips, deployments, commands, WebJobs and the log stream."""
