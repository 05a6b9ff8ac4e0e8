"""Is a map true to the classifier? Deletion and insertion, sufficiency and necessity, sanity checks, loss gradients."""
