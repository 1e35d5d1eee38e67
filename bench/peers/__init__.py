"""Those the router is compared with: each as its users run it."""
