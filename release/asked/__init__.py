"""What people ask for, by what becomes of it: started, decided, frozen, looked at."""
