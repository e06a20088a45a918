/* Mappings that are kept and given out again (see the .c). */
#pragma once

/* Whoever has any will never touch them again: as a killed broker, whose memory stays where it is. */
void map_cache_take_all(void);
