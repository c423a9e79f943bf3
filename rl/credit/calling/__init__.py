"""How what earned an advantage is loaded, called and checked: estimators, and token credits."""
