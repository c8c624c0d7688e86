/* The JSON codec for codec_differential.py. */
#include "codec_driver.h"

int main(int argc, char **argv)
{
    return codec_drive(argc, argv, gw_json_to_wire, gw_wire_to_json);
}
