"""What tests need: for applications a store of their own, for stores the suite that every store passes."""
