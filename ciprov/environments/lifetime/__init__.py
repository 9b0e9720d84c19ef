"""How long environments live: expiry, pins, signs of use, sleep, and the reaper that takes away what nobody needs."""
