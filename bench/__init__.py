"""The router measured side by side with other proxies: ``make bench``."""
