/* Planted for `make lint`: clang-format has to object. */
int planted( int a ){return a ;}
